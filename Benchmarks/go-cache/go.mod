module memwhy-benchmarks/go-cache

go 1.19
