package httpproxy

import "fmt"

// danishWords are the door's own sentences in Danish.
func danishWords() map[string]string {
	return map[string]string{
		"This page could not be opened":                 "Denne side kunne ikke åbnes",
		"Reference %s":                                  "Reference %s",
		"Open the application again":                    "Åbn programmet igen",
		"To the first page of the application":          "Til programmets første side",
		"To Lockbox":                                    "Til Lockbox",
		"the method %s does not pass here":              "metoden %s kommer ikke igennem her",
		"there is no application of that name here":     "der er intet program med det navn her",
		"Lockbox has no such page":                      "Lockbox har ingen sådan side",
		"this is only for opening the application":      "dette er kun til at åbne programmet",
		"this request comes from another page":          "denne forespørgsel kommer fra en anden side",
		"open the application in a browser and sign in": "åbn programmet i en browser, og log ind",
		"this way in was used, is too old, or is for another browser. If it is yours, let it keep cookies of this page, and open the application again": "denne vej ind er brugt, er for gammel eller er til en anden browser. Er den din, så lad den gemme cookies fra denne side, og åbn programmet igen",
		"the address is too long":                                                         "adressen er for lang",
		"the address is not a path":                                                       "adressen er ikke en sti",
		"the address holds a fragment":                                                    "adressen har et fragment",
		"the address is not written as browsers write it":                                 "adressen er ikke skrevet, som browsere skriver den",
		"the address has too many parameters":                                             "adressen har for mange parametre",
		"the address holds wrong escapes":                                                 "adressen har forkerte koder",
		"the address holds control characters":                                            "adressen har styretegn",
		`an address with \ or ; does not pass here`:                                       `en adresse med \ eller ; kommer ikke igennem her`,
		"the address is not canonical: write each / once, and nothing that ends in a dot": "adressen er ikke på sin ene form: skriv hver / én gang, og intet, der ender på punktum",
		"the address escapes what needs no escape, or what may be read as a path":         "adressen koder noget, der ikke skal kodes, eller som kan læses som en sti",
		"Connection names a header that it may not take away":                             "Connection nævner en header, som den ikke må fjerne",
		"a header is there twice that may be there once":                                  "en header, der må være der én gang, er der to gange",
		"too much is open in this session at once; close something and try again":         "der er for meget åbent i denne session på én gang; luk noget, og prøv igen",
		"too many use this application at once; try again":                                "for mange bruger dette program på én gang; prøv igen",
		"rule %q does not let the method %s pass":                                         "reglen %q lader ikke metoden %s komme igennem",
		"rule %q does not let this address pass":                                          "reglen %q lader ikke denne adresse komme igennem",
		"what is sent is larger than rule %q lets pass":                                   "det, der sendes, er større, end reglen %q lader komme igennem",
		"these are more requests than rule %q lets pass; wait a little":                   "det er flere forespørgsler, end reglen %q lader komme igennem; vent lidt",
		"something went wrong in Lockbox; tell operators the reference":                   "noget gik galt i Lockbox; giv driften referencen",
		"the application does not answer; tell operators the reference if it stays so":    "programmet svarer ikke; giv driften referencen, hvis det bliver ved",
		"the application takes too long to answer; try again":                             "programmet er for længe om at svare; prøv igen",
		"the application could not be reached; tell operators the reference":              "programmet kunne ikke nås; giv driften referencen",
		"what you sent breaks off, or is not written as HTTP wants it":                    "det, du sendte, bryder af eller er ikke skrevet, som HTTP vil have det",
		"the recorder cannot write, so nothing passes":                                    "optageren kan ikke skrive, så intet kommer igennem",
	}
}

// inTheir is a sentence in the language of who reads it.
func inTheir(da bool, form string, args []string) string {
	if da {
		if t, ok := danishWords()[form]; ok {
			form = t
		}
	}
	all := make([]any, len(args))
	for i := range args {
		all[i] = args[i]
	}
	return fmt.Sprintf(form, all...)
}
