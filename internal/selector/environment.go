package selector

import (
	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/env"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"

	"github.com/composa-dev/composa"
)

// constant is a unit that an expression multiplies with.
type constant struct {
	name  string
	value int64
}

var constants = []constant{
	{"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12},
	{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40},
	{"Mb", 1e6}, {"Gb", 1e9}, {"Tb", 1e12},
}

// functions are the functions of CEL that an expression may use; what only
// concerns times, bytes, messages or dynamic types is left out.
var functions = []string{
	operators.LogicalAnd, operators.LogicalOr, operators.LogicalNot, operators.Conditional,
	operators.Equals, operators.NotEquals, operators.Less, operators.LessEquals, operators.Greater, operators.GreaterEquals,
	operators.Add, operators.Subtract, operators.Multiply, operators.Divide, operators.Modulo, operators.Negate,
	operators.In, operators.Index, operators.NotStrictlyFalse,
	"contains", "startsWith", "endsWith", "matches", "size", "int", "double", "string",
}

// ownFunctions are those that CEL does not have.
var ownFunctions = []string{"quantity", "lowerAscii"}

// lowerOverload is CEL's name of lowerAscii of a string.
const lowerOverload = "string_lower_ascii"

// macros are the macros of CEL that an expression may use; those that build
// lists are left out.
var macros = []string{operators.Has, operators.All, operators.Exists, operators.ExistsOne}

// newEnvironment is the language of where: CEL over the fields of device.
func newEnvironment() (*cel.Env, error) {
	subset := env.NewLibrarySubset().AddIncludedMacros(macros...)
	for _, f := range functions {
		if f != operators.Multiply { // ours takes more
			subset.AddIncludedFunctions(&env.Function{Name: f})
		}
	}
	options := []cel.EnvOption{
		cel.StdLib(cel.StdLibSubset(subset)),
		cel.CrossTypeNumericComparisons(true),
		cel.HomogeneousAggregateLiterals(),
		cel.ParserRecursionLimit(MaxDepth + 1), // the expression itself is one
		cel.ParserExpressionSizeLimit(MaxExpression),
		cel.ParserErrorRecoveryLimit(4),
		cel.ASTValidators(
			cel.ValidateRegexLiterals(),
			cel.ValidateRegexProgramSizeLimit(MaxRegexp),
			cel.ValidateComprehensionNestingLimit(MaxLoops),
		),
		cel.Function("quantity", cel.Overload("quantity_string", []*cel.Type{cel.StringType}, cel.IntType, cel.UnaryBinding(quantity))),
		cel.Function("lowerAscii", cel.MemberOverload(lowerOverload, []*cel.Type{cel.StringType}, cel.StringType, cel.UnaryBinding(lowerASCII))),
		cel.Function(operators.Multiply,
			cel.Overload("multiply_int64", []*cel.Type{cel.IntType, cel.IntType}, cel.IntType),
			cel.Overload("multiply_double", []*cel.Type{cel.DoubleType, cel.DoubleType}, cel.DoubleType),
			cel.Overload("multiply_double_int64", []*cel.Type{cel.DoubleType, cel.IntType}, cel.DoubleType),
			cel.Overload("multiply_int64_double", []*cel.Type{cel.IntType, cel.DoubleType}, cel.DoubleType),
			cel.SingletonBinaryBinding(multiply),
		),
	}
	for _, f := range fields {
		options = append(options, cel.Variable("device."+f.name, f.typ))
	}
	for _, c := range constants {
		options = append(options, cel.Constant(c.name, cel.IntType, types.Int(c.value)))
	}
	return cel.NewCustomEnv(options...)
}

// quantity reads a quantity as the command line writes it.
func quantity(v ref.Val) ref.Val {
	n, err := composa.ParseQuantity(string(v.(types.String)))
	if err != nil {
		return types.NewErr("%s", err)
	}
	return types.Int(n)
}

// lowerASCII is the text with its ASCII letters in lower case.
func lowerASCII(v ref.Val) ref.Val {
	b := []byte(v.(types.String))
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return types.String(b)
}

// multiply is the product; unlike CEL's own it takes a whole and a broken
// number together: 1.5*TB.
func multiply(a, b ref.Val) ref.Val {
	if a.Type() == b.Type() {
		return a.(traits.Multiplier).Multiply(b)
	}
	x, y := a.ConvertToType(types.DoubleType), b.ConvertToType(types.DoubleType)
	return x.(types.Double) * y.(types.Double)
}
