module example.com/goallocs

go 1.19
