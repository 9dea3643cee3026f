package liqid

import (
	"fmt"
	"testing"
)

// BenchmarkCompose is one machine of four devices, made and freed: what the
// emulator itself costs a driver's test.
func BenchmarkCompose(b *testing.B) {
	for _, gpus := range []int{8, 10000} {
		b.Run(fmt.Sprintf("gpus=%d", gpus), func(b *testing.B) {
			d := start(b, Config{Counts: Counts{CPUs: 2, GPUs: gpus, SSDs: 2}})
			for b.Loop() {
				compose(b, d, "pcpu0", "gpu0", "gpu1", "ssd0")
				must[any](b, d, "DELETE", "group/1", "")
			}
		})
	}
}
