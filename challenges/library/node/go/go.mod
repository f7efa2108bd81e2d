module solution

go 1.21
