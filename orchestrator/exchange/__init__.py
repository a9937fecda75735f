"""A sample's record in the forms in which others exchange what they know of threats.

What comes of the same record is the same, ids included, so that it may be sent again. Text from samples is
only ever a value.
"""
