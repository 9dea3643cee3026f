// Package archtest holds the repository to its shape: which package may import
// which, that every package opens with a comment, and that the module stands on
// nothing but released libraries. It has tests only; docs/architecture.md gives
// the reasons.
package archtest
