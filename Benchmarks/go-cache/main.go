// Package main is the incident's cache in Go: what a service in Go keeps for 100,000 ids in go-cache, beside the same in Swift.
package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"syscall"
	"time"

	"github.com/patrickmn/go-cache"
)

type limits struct{ daily, total, used int64 }

type reward struct {
	sku, title string
	amount     int64
	price      float64
}

// activityView has the fields and the 192 bytes of the Swift service's ActivityView.
type activityView struct {
	id                             int64
	name, description, url, region string
	start, end                     int64
	status, kind                   int32
	limits                         limits
	reward                         reward
	weight                         float64
	flags                          uint64
	updated                        int64
}

type entry struct {
	key     string
	segment int64
	view    *activityView
}

const segments = 28

func catalogue() []entry {
	var entries []entry
	for id := 1; id <= 2*segments; id++ {
		view := &activityView{
			id: int64(id), name: fmt.Sprintf("Midsummer warm-up round %d", id),
			description: fmt.Sprintf("Spend 199 and get 20 off in round %d; the rules are on the page", id),
			url:         fmt.Sprintf("https://shop.example/activities/%d/landing?from=feed", id),
			region:      fmt.Sprintf("north-%d", id%4), start: int64(1_700_000_000 + id*3600), status: 1,
			reward: reward{sku: fmt.Sprintf("SKU-%d-XL", 100_000_000_000+id), title: fmt.Sprintf("Voucher of round %d", id)},
		}
		entries = append(entries, entry{fmt.Sprintf("activity_%d_entry", 100_000+id), int64((id - 1) / 2), view})
	}
	return entries
}

// visible is the Swift service's rule: all but three neighbouring segments.
func visible(entries []entry, user int64) []int {
	first := int64(uint64(user)*0x9e3779b97f4a7c15>>33) % segments
	result := make([]int, 0, len(entries))
	for index, entry := range entries {
		if (entry.segment-first+segments)%segments >= 3 {
			result = append(result, index)
		}
	}
	return result
}

type random struct{ state uint64 }

func (r *random) next() uint64 {
	r.state += 0x9e3779b97f4a7c15
	value := r.state
	value = (value ^ value>>30) * 0xbf58476d1ce4e5b9
	value = (value ^ value>>27) * 0x94d049bb133111eb
	return value ^ value>>31
}

func processorTime() int64 {
	var usage syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return usage.Utime.Nano() + usage.Stime.Nano()
}

func live() int64 {
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.Alloc)
}

// compute makes what one user sees, in the shape of the variant; total stands for using it.
func compute(variant string, entries []entry, user int64) (value any, total int64) {
	switch variant {
	case "struct":
		values := map[string]activityView{}
		for _, index := range visible(entries, user) {
			values[entries[index].key] = *entries[index].view
		}
		return values, int64(len(values))
	case "class":
		values := map[string]*activityView{}
		for _, index := range visible(entries, user) {
			fresh := *entries[index].view
			values[entries[index].key] = &fresh
		}
		return values, int64(len(values))
	case "shared":
		values := map[string]*activityView{}
		for _, index := range visible(entries, user) {
			values[entries[index].key] = entries[index].view
		}
		return values, int64(len(values))
	case "delta":
		values := visible(entries, user)
		return values, int64(len(values))
	default:
		for _, index := range visible(entries, user) {
			total += entries[index].view.id
		}
		return nil, total
	}
}

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: go-cache struct|class|shared|delta|none REQUESTS")
		os.Exit(64)
	}
	variant := os.Args[1]
	requests, err := strconv.Atoi(os.Args[2])
	if err != nil || requests < 1 {
		fmt.Fprintln(os.Stderr, "REQUESTS must be at least 1")
		os.Exit(64)
	}
	entries := catalogue()
	users := cache.New(30*time.Minute, 10*time.Minute)
	generator := random{42}
	hits, check := 0, int64(0)
	before := live()
	start := processorTime()
	for request := 0; request < requests; request++ {
		user := int64(generator.next() % 1_000_000)
		key := strconv.FormatInt(user, 10)
		if variant != "none" {
			if _, ok := users.Get(key); ok {
				hits++
				continue
			}
		}
		value, total := compute(variant, entries, user)
		check += total
		if value != nil {
			users.SetDefault(key, value)
		}
	}
	processor := processorTime() - start
	bytes := live() - before
	count := users.ItemCount()
	each := int64(0)
	if count > 0 {
		each = bytes / int64(count)
	}
	fmt.Printf("variant=%s requests=%d hits=%d entries=%d live_bytes=%d bytes_per_id=%d cpu_ns_per_request=%d checksum=%d\n",
		variant, requests, hits, count, bytes, each, processor/int64(requests), check)
	runtime.KeepAlive(users)
	runtime.KeepAlive(entries)
}
