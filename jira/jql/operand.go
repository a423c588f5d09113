package jql

import "fmt"

// operandOf reads an operand that the operator accepts.
func (p *parser) operandOf(operator Operator) (Operand, error) {
	at := p.look
	operand, err := p.operand()
	if err != nil {
		return nil, err
	}
	wanted := ""
	switch operand.(type) {
	case List:
		switch operator {
		case In, NotIn, WasIn, WasNotIn:
		default:
			wanted = "a single value"
		}
	case *Function:
		if operator == Is || operator == IsNot {
			wanted = "EMPTY"
		}
	case Empty:
		switch operator {
		case In, NotIn, WasIn, WasNotIn:
			wanted = "a list in parentheses"
		case Less, LessEqual, Greater, GreaterEqual:
			wanted = "a value"
		}
	default:
		switch operator {
		case In, NotIn, WasIn, WasNotIn:
			wanted = "a list in parentheses"
		case Is, IsNot:
			wanted = "EMPTY"
		}
	}
	if wanted != "" {
		return nil, &SyntaxError{at.at, fmt.Sprintf("%s needs %s", operator, wanted)}
	}
	return operand, nil
}

// operand reads a value, a function, a list or EMPTY.
func (p *parser) operand() (Operand, error) {
	if open, err := p.accept("("); err != nil {
		return nil, err
	} else if open {
		return p.list()
	}
	return p.single()
}

func (p *parser) list() (Operand, error) {
	var list List
	for {
		operand, err := p.single()
		if err != nil {
			return nil, err
		}
		list = append(list, operand)
		if more, err := p.accept(","); err != nil {
			return nil, err
		} else if !more {
			return list, p.expect(")")
		}
	}
}

// single reads an operand other than a list.
func (p *parser) single() (Operand, error) {
	if p.look.is("EMPTY") || p.look.is("NULL") {
		return Empty{}, p.advance()
	}
	value := p.look
	text, err := p.text("a value")
	if err != nil {
		return nil, err
	}
	if open, err := p.accept("("); err != nil {
		return nil, err
	} else if open {
		return p.function(text)
	}
	if value.kind == kindNumber {
		return Number(text), nil
	}
	return Value(text), nil
}

// function reads the arguments of a function, after the opening parenthesis.
func (p *parser) function(name string) (Operand, error) {
	function := &Function{Name: name}
	if closed, err := p.accept(")"); closed || err != nil {
		return function, err
	}
	for {
		argument, err := p.text("an argument")
		if err != nil {
			return nil, err
		}
		function.Args = append(function.Args, argument)
		if more, err := p.accept(","); err != nil {
			return nil, err
		} else if !more {
			return function, p.expect(")")
		}
	}
}

// text reads a word, a number or quoted text.
func (p *parser) text(expected string) (string, error) {
	if p.look.kind == kindEnd || p.look.kind == kindSymbol || p.look.kind == kindWord && isReserved(p.look.text) {
		return "", p.unexpected(expected)
	}
	text := p.look.text
	return text, p.advance()
}
