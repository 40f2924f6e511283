"""Decides what is registered, when, and what is reported. Pure: values and times in, values out."""
