"""The Releases page: what each changed, the way back, and calls explained."""
