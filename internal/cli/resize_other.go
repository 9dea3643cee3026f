//go:build !unix

package cli

import "os"

// resized never tells anything here: another size shows at the next change.
func resized() (told <-chan os.Signal, stop func()) { return nil, func() {} }
