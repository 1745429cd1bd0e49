"""The pages, one script each. Streamlit runs them; nothing imports them."""
