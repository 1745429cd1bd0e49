"""Virtual keys at a LiteLLM proxy: one for each subscription, with the budget, the rates and the models of its plan.

`meter.match_virtual_keys()` makes, changes and deletes keys until the proxy has those that subscriptions ask for.
"""
