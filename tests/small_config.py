"""A small and valid configuration: two providers, four models, and one document of most kinds."""

from __future__ import annotations

SMALL_CONFIG: dict[str, str] = {
    "registry/anthropic.yaml": """\
provider: anthropic
display_name: Anthropic
models:
  claude-haiku-4-5:
    display_name: Claude Haiku 4.5
    type: llm
    access: basic
    aliases: [claude-haiku]
    context_window: 200000
  claude-sonnet-4-5:
    display_name: Claude Sonnet 4.5
    type: llm
  claude-3-opus:
    display_name: Claude 3 Opus
    type: llm
    access: all
    active: false
""",
    "registry/openai.yaml": """\
provider: openai
display_name: OpenAI
models:
  gpt-4o:
    display_name: GPT-4o
    type: llm
""",
    "pricing/anthropic.yaml": """\
provider: anthropic
defaults:
  margin: 1.3
prices:
  claude-haiku-4-5:
    - effective: 2026-01-01
      per_million:
        input: 1.00
        output: 5.00
        cache_read: 0.10
        cache_write: 1.25
      margin: 3.0
  claude-sonnet-4-5:
    - effective: 2026-01-01
      per_million:
        input: 3.00
        output: 15.00
        cache_read: 0.30
        cache_write: 3.75
      above_input:
        - from: 200000
          per_million:
            input: 6.00
            output: 22.50
  claude-3-opus:
    - effective: 2026-01-01
      per_million:
        input: 15.00
        output: 75.00
""",
    "pricing/openai.yaml": """\
provider: openai
prices:
  gpt-4o:
    - effective: 2026-01-01
      per_million:
        input: 2.50
        output: 10.00
        cache_read: 1.25
      margin: 1.5
""",
    "routing/anthropic.yaml": """\
provider: anthropic
routes:
  _default: claude-sonnet-4-5
  extraction: claude-haiku-4-5
  chat_response:
    split:
      - model: claude-sonnet-4-5
        weight: 90
      - model: claude-haiku-4-5
        weight: 10
    fallbacks: [openai/gpt-4o]
""",
    "routing/openai.yaml": """\
provider: openai
routes:
  _default: gpt-4o
""",
    "tasks.yaml": """\
tasks:
  extraction:
    description: Takes fields out of documents
  chat_response:
    description: Answers in a chat
""",
    "plans.yaml": """\
plans:
  free:
    name: Free
    price:
      monthly: 0
    access: basic
    included_credit: 0.50
    overage: block
    limits:
      tokens_per_month: 100000
      requests_per_day: 50
      documents: 5
  pro:
    name: Pro
    price:
      monthly: 20
      annual: 200
    access: all
    included_credit: 10
    overage: soft
    limits:
      tokens_per_month: unlimited
      documents: 100
""",
    "credit_packs.yaml": """\
packs:
  Starter:
    price: 5
    credits: 50000
    order: 1
  Growth:
    price: 15
    credits: 175000
    order: 2
    badge: Most Popular
""",
    "settings.yaml": """\
default_plan: free
unknown_account: create
signup_grant_credits: 1000
credits_per_dollar: 10000
""",
}
"""By path inside the config folder."""
