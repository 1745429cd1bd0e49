"""Database and git for people: a Streamlit app that shows what was earned and turns edits into commits.

`server.py` serves `streamlit_app.py`, the entry; `app_pages/` are the pages. A page reads the URL and the person
(`session`), asks one of `data` (analytics) or `rate_card` (configuration), and draws with `charts`, `formats` and
`layout`.
"""
