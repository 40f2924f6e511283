"""What is registered, when, and what is said of it. Pure: values and times in, values out."""
