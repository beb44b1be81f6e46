// Writes the profiles of Tests/Fixtures/profiles: a CPU profile with labels, and two heap profiles of one run. Rebuild them with
//
//	go run . DIR/
package main

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"runtime/pprof"
	"sort"
	"strings"
)

type node struct {
	Name string            `json:"name"`
	Kids []*node           `json:"kids"`
	Tags map[string]string `json:"tags"`
}

var keep []*node

func build(depth int) *node {
	n := &node{Name: strings.Repeat("x", depth*7+3), Tags: map[string]string{"k": fmt.Sprint(depth)}}
	if depth > 0 {
		for i := 0; i < 3; i++ {
			n.Kids = append(n.Kids, build(depth-1))
		}
	}
	return n
}
func burn(n int) string {
	var s [32]byte
	for i := 0; i < n; i++ {
		s = sha256.Sum256(s[:])
	}
	return fmt.Sprintf("%x", s)
}
func work(n int) {
	for i := 0; i < n; i++ {
		t := build(5)
		b, _ := json.Marshal(t)
		var back node
		json.Unmarshal(b, &back)
		if i%10 == 0 {
			keep = append(keep, &back)
		}
		l := strings.Split(string(b), "x")
		sort.Strings(l)
		burn(2000)
	}
}
func main() {
	runtime.MemProfileRate = 4096
	f, _ := os.Create(os.Args[1] + "cpu.pb.gz")
	pprof.StartCPUProfile(f)
	for i, name := range []string{"red", "green", "blue"} {
		pprof.Do(context.Background(), pprof.Labels("colour", name, "step", fmt.Sprint(i)), func(context.Context) { work(60 * (i + 1)) })
		if i == 0 {
			g, _ := os.Create(os.Args[1] + "heap1.pb.gz")
			pprof.WriteHeapProfile(g)
			g.Close()
		}
	}
	pprof.StopCPUProfile()
	f.Close()
	g, _ := os.Create(os.Args[1] + "heap2.pb.gz")
	pprof.WriteHeapProfile(g)
	g.Close()
}
