"""The HTTP API: what a meter does, for programs in any language and for the pages of customers.

`app.create_app` is the public face, `server.serve` runs it. A request passes `gate` (size, metrics, headers), then
`access` (whose key, which scope, how often), then a route: `events`, `holds`, `pricing`, `checks`, `usage`, `quota`,
`wallet`, `catalogue` and `administration` are for keys, `operations` for probes. A route parses, calls one method of
the meter, and answers. The document of it all is `docs/openapi.json`.
"""
