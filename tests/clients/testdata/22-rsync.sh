# client: rsync
# does: 2,000 small files up, changed, deleted and down again, `-az --delete`
mkdir -p src/{a,b,c}
for i in {1..2000}; do echo "file $i of many" >"src/$([ $((i % 2)) = 0 ] && echo a || echo b)/$i"; done
rsync -az src/ "target:$THERE/dst/"
rm src/a/1[0-9]*
echo changed >src/b/777
rsync -az --delete --itemize-changes src/ "target:$THERE/dst/" | grep -v '^\.d' | LC_ALL=C sort | sha256sum
rsync -az "target:$THERE/dst/" back/
diff -r src back && diff -r src "$THERE/dst"
tree back | sha256sum
says rsync -a "target:$THERE/none/" none/ 2>/dev/null
