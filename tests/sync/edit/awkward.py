"""Hand-written YAML as people really leave it."""

AWKWARD: dict[str, str] = {
    "comments": """\
# head
# second

provider: openai   # the first
# above models
models:  # behind models
  # above the first

  gpt-4o:  # behind a key
    # inside
    display_name: GPT-4o  # behind a value
    type: llm
    # at the end of the first

  # between
  gpt-4o-mini:
    display_name: GPT-4o mini#not a comment
    type: llm   #  spaced
  # tail of models
# tail of the file
""",
    "odd_indentation": """\
provider:     openai
models:
      gpt-4o:
         display_name:   GPT-4o
         aliases:
         - four
         -   o
         type: llm
      gpt-5:
                    display_name: Five
                    type: llm
""",
    "quoted_keys": """\
"provider": 'openai'
'models':
  "gpt: 4o":
    "display_name": "GPT \\"4o\\""
    'type': 'it''s llm'
  ? gpt-5
  : display_name: Five
    type: "llm"
  "a.b/c":
    display_name: "\\u00e9\\n"
""",
    "flow": """\
provider: openai
prices:
  gpt-4o:
    - {effective: 2026-01-01, per_million: {input: 0.80, output: 4.00}, margin: 2}  # one line
    - effective: 2026-02-01
      per_million: {
        input: 0.80,   # inside braces
        output: 4.00
      }
      accept: [A, 'B', "C, D"]
      margin: {default: 2.0, plans: {pro: 1.5}}
  gpt-5: [{effective: 2026-01-01, per_million: {input: 1}, margin: 3}]
  gpt-6: {}
""",
    "carriage_returns": "provider: openai\r\n# c\r\nmodels:\r\n  m:\r\n    display_name: M  # n\r\n    type: llm\r\n",
    "no_final_newline": "provider: openai\nmodels:\n  m:\n    display_name: M\n    type: llm",
    "unicode": """\
provider: müller
models:
  模型-4:
    display_name: "模型 四 😀"
    type: llm  # 注释 😀
    note: 😀 emoji first
  ñ:
    display_name: Ñandú
""",
    "long_and_block": """\
provider: openai
models:
  a:
    note: |
      first line
        indented line

      last line
    folded: >-   # how it folds
      one
      two

    kept: |+
      kept

    long: this is a plain scalar that
      goes on in the next line
      and the next  # end
    quoted: "a quoted scalar
      over lines"
    type: llm
""",
    "empty_values": """\
provider:
models:
  a:
  b: ~
  c: null  # nothing
  d: ""
  e: {x, y: , z: 1}
  f:   # only a comment
  g: []
  h: {}
  i:
\x20\x20-\x20
\x20\x20-\x20x
""",
    "markers": "%YAML 1.1\n---\nprovider: openai\nmodels:\n  m: {display_name: M}\n...\n",
    "nested_lists": """\
a:
- - one
  - two
-
  b: 1
  c:
  - d: 2

    e: 3
  # between items
  - d: 4
- # behind a dash
  f: 5
""",
}
