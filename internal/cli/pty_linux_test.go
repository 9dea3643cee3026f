package cli

import (
	"os"
	"strconv"
	"syscall"
	"testing"
	"unsafe"
)

// openPTY opens a terminal of so many columns and rows: what a program that has
// inside as its terminal prints is read from outside, and what is written
// outside is typed.
func openPTY(t *testing.T, columns, rows uint16) (outside, inside *os.File) {
	t.Helper()
	outside, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("there are no pseudo terminals here: %v", err)
	}
	t.Cleanup(func() { _ = outside.Close() })
	var number, unlocked uint32
	control(t, outside, syscall.TIOCGPTN, unsafe.Pointer(&number))
	control(t, outside, syscall.TIOCSPTLCK, unsafe.Pointer(&unlocked))
	inside, err = os.OpenFile("/dev/pts/"+strconv.Itoa(int(number)), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = inside.Close() })
	resizePTY(t, outside, columns, rows)
	return outside, inside
}

// resizePTY makes the terminal another size, as dragging its window does.
func resizePTY(t *testing.T, outside *os.File, columns, rows uint16) {
	t.Helper()
	size := struct{ rows, columns, x, y uint16 }{rows, columns, 0, 0}
	control(t, outside, syscall.TIOCSWINSZ, unsafe.Pointer(&size))
}

func control(t *testing.T, f *os.File, request uintptr, argument unsafe.Pointer) {
	t.Helper()
	raw, err := f.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var errno syscall.Errno
	if err := raw.Control(func(fd uintptr) {
		_, _, errno = syscall.Syscall(syscall.SYS_IOCTL, fd, request, uintptr(argument))
	}); err != nil || errno != 0 {
		t.Fatalf("cannot set up a pseudo terminal: %v, %v", err, errno)
	}
}
