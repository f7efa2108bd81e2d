module x/demo

go 1.18
