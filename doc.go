// Package composa is the vocabulary of a system that makes machines out of
// pooled hardware.
//
// A [Site] has one or more fabrics: racks whose processors, GPUs, drives and
// network cards hang on a switch, so that software decides which of them make
// up a computer. Each such part is a [Device]. Somebody says what they want in
// a [Spec]; placement picks free devices for it and the store records a [Claim]
// on each, so that nobody else can have them. A [Plan] is the ordered list of
// [Step] values between what is and what is wanted. An [Operation] is a plan
// being carried out: the runner hands its steps to the driver of the fabric one
// by one, and believes none of them before a [Picture] that was taken
// afterwards shows it. Every change is told as an [Event], written in the
// transaction of the change itself.
//
//	spec ──► placement ──► claims ──► plan ──► steps ──► runner ──► driver ──► hardware
//	  ▲                                                                          │
//	  └───────────── events ◄──── store ◄──── inventory ◄──── pictures ◄─────────┘
//
// What is wanted ([Spec], [Claim], [Goal]) and what is seen ([Picture]) are
// different values with different writers: requests write the first, only
// observation writes the second.
//
// The types here hold no connections and start no goroutines, and the functions
// are pure: they read their arguments, and the time only as an argument.
// docs/nomenclature.md lists the words with the names that other systems use.
package composa
