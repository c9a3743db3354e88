"""What people look at: tables by Rich and pictures by Matplotlib, made from records."""
