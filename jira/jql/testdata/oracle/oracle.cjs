// Reads one query a line, as a JSON string, and writes what Atlassian's own
// parser makes of it as one line of JSON: a tree in the form that the tests'
// function tree makes of ours, or null where it finds an error.
const {JQLLexer, JQLParser} = require(process.env.JQL_PARSER);
const {CharStreams, CommonTokenStream} = require(process.env.ANTLR);

const unquoted = {t: '\t', n: '\n', r: '\r'};
const unescape = text => text.replace(/\\(u[0-9a-fA-F]{4}|.)/gs, (_, e) =>
	e.length === 5 ? String.fromCharCode(parseInt(e.slice(1), 16)) : unquoted[e] ?? e);
const meaning = text => /^["']/.test(text) ? unescape(text.slice(1, -1)) : unescape(text);
const rule = node => JQLParser.ruleNames[node.ruleIndex];
const children = node => node.children ?? [];
const only = (node, ...rules) => children(node).filter(c => rules.includes(rule(c)));
const words = node => children(node).map(c => c.text.toUpperCase()).join(' ');

function joined(name, parts) {
	return parts.length === 1 ? parts[0] : [name, ...parts];
}

function field(node) {
	const custom = only(node, 'jqlCustomField')[0];
	if (custom) return ['cf', children(custom)[2].text];
	return ['field', meaning(children(node)[0].text), ...only(node, 'jqlFieldProperty').map(p =>
		[meaning(children(p)[1].text), only(p, 'jqlPropertyArgument').map(a => meaning(a.text)).join('')])];
}

function operand(node) {
	switch (rule(node)) {
	case 'jqlOperand': case 'jqlPredicateOperand':
		return operand(children(node)[0]);
	case 'jqlEmpty':
		return ['empty'];
	case 'jqlValue':
		return [rule(children(node)[0]) === 'jqlNumber' ? 'number' : 'value', meaning(node.text)];
	case 'jqlFunction':
		return ['function', meaning(children(node)[0].text),
			...only(node, 'jqlArgumentList').flatMap(l => only(l, 'jqlArgument').map(a => meaning(a.text)))];
	case 'jqlList':
		return ['list', ...only(node, 'jqlOperand').map(operand)];
	}
	throw new Error('operand ' + rule(node));
}

function terminal(node) {
	const [fieldNode, rest] = children(node);
	const [operator, ...operands] = children(rest);
	return ['compare', field(fieldNode), words(operator), ...operands.map(o => {
		if (!/Predicate$/.test(rule(o))) return operand(o);
		return [words(children(o)[0]), operand(children(o)[1])];
	})];
}

function clause(node) {
	switch (rule(node)) {
	case 'jqlWhere':
		return clause(children(node)[0]);
	case 'jqlOrClause':
		return joined('or', only(node, 'jqlAndClause').map(clause));
	case 'jqlAndClause':
		return joined('and', only(node, 'jqlNotClause').map(clause));
	case 'jqlNotClause':
		return children(node).length === 2 ? ['not', clause(children(node)[1])] : clause(children(node)[0]);
	case 'jqlSubClause':
		return clause(children(node)[1]);
	case 'jqlTerminalClause':
		return terminal(node);
	}
	throw new Error('clause ' + rule(node));
}

function query(node) {
	return [
		only(node, 'jqlWhere').map(clause)[0] ?? [],
		only(node, 'jqlOrderBy').flatMap(o => only(o, 'jqlSearchSort').map(s =>
			[field(children(s)[0]), (children(s)[1]?.text ?? '').toUpperCase()])),
	];
}

function parse(text) {
	let failed = false;
	const listener = {syntaxError() { failed = true; }};
	const lexer = new JQLLexer(CharStreams.fromString(text));
	lexer.removeErrorListeners();
	lexer.addErrorListener(listener);
	const parser = new JQLParser(new CommonTokenStream(lexer));
	parser.removeErrorListeners();
	parser.addErrorListener(listener);
	const tree = parser.jqlQuery();
	return failed ? null : query(tree);
}

require('readline').createInterface({input: process.stdin}).on('line', line => {
	process.stdout.write(JSON.stringify(parse(JSON.parse(line))) + '\n');
});
