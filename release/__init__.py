"""`make release`: what is published, made of a commit.

`files` makes what needs no builder of images, the same bytes for the same commit; `images` has
images built; `versions` says where a version stands, and whether all places agree.
"""
