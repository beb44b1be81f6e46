// The same work with what Go services use: go-cache and sync.Map.
package main

import (
	"fmt"
	"runtime"
	"strconv"
	"sync"
	"time"

	"github.com/patrickmn/go-cache"
)

const entries = 1 << 17
const operations = 50_000
const slices = 60

func throughput(threads int, get func(int)) float64 {
	best := 0.0
	for slice := 0; slice < slices; slice++ {
		var group sync.WaitGroup
		begin := time.Now()
		for thread := 0; thread < threads; thread++ {
			group.Add(1)
			go func(seed uint64) {
				defer group.Done()
				for n := 0; n < operations; n++ {
					seed ^= seed << 13
					seed ^= seed >> 7
					seed ^= seed << 17
					get(int(seed>>20) & (entries - 1))
				}
			}(uint64(thread*7919 + slice*104729 + 88172645463325252))
		}
		group.Wait()
		rate := float64(threads*operations) / float64(time.Since(begin).Nanoseconds()) * 1000
		if rate > best {
			best = rate
		}
	}
	return best
}

func live() uint64 {
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

// fill makes a full cache some times; the least time of an insertion counts, and the least memory.
func row(name string, fresh func() (insert func(int), get func(int))) {
	nanoseconds, bytes := 1e18, 1e18
	var get func(int)
	for n := 0; n < 5; n++ {
		var insert func(int)
		get = nil
		before := live()
		insert, get = fresh()
		begin := time.Now()
		for key := 0; key < entries; key++ {
			insert(key)
		}
		if spent := float64(time.Since(begin).Nanoseconds()) / entries; spent < nanoseconds {
			nanoseconds = spent
		}
		if used := float64(live()-before) / entries; used < bytes {
			bytes = used
		}
	}
	fmt.Printf("%-44s%9.1f%9.1f%9.1f%9.1f  \n", name, throughput(1, get), throughput(2, get), nanoseconds, bytes)
	runtime.KeepAlive(get)
}

func main() {
	keys := make([]string, entries)
	for n := range keys {
		keys[n] = strconv.Itoa(n)
	}
	// Without its janitor, which would only add work.
	row("Go: go-cache, keys ready", func() (func(int), func(int)) {
		store := cache.New(time.Hour, 0)
		return func(n int) { store.SetDefault(keys[n], n) }, func(n int) { store.Get(keys[n]) }
	})
	row("Go: go-cache, keys made", func() (func(int), func(int)) {
		store := cache.New(time.Hour, 0)
		return func(n int) { store.SetDefault(strconv.Itoa(n), n) }, func(n int) { store.Get(strconv.Itoa(n)) }
	})
	row("Go: sync.Map", func() (func(int), func(int)) {
		store := &sync.Map{}
		return func(n int) { store.Store(n, n) }, func(n int) { store.Load(n) }
	})
}
