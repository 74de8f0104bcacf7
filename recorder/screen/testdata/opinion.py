"""What pyte (Debian's python3-pyte) shows: reads JSON of {cols, rows, data}, a
line each, and prints {lines, x, y} for each. A second opinion for the tests."""
import json
import sys

import pyte

for line in sys.stdin:
    case = json.loads(line)
    screen = pyte.Screen(case["cols"], case["rows"])
    pyte.Stream(screen).feed(case["data"])
    x = min(screen.cursor.x, case["cols"] - 1)
    print(json.dumps({"lines": [row.rstrip() for row in screen.display], "x": x, "y": screen.cursor.y}))
