module x/demo

go 1.18

toolchain go1.99.9
