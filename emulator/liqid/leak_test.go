package liqid

import (
	"testing"

	"go.uber.org/goleak"
)

// TestMain holds that nothing goes on once the directors of the tests are closed.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
