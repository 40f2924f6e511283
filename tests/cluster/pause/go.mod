module eurekube.io/tests/pause

go 1.22
