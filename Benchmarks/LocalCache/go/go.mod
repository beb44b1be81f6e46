module cachebenchmark

go 1.19
