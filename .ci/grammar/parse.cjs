// Parses PowerShell files with tree-sitter's grammar and prints every place that it cannot read.
const fs = require('fs');
const { createRequire } = require('module');

// The packages lie where CI has put them, not beside this file.
const modules = createRequire(process.env.GRAMMAR_MODULES + '/');
const { Parser, Language } = modules('web-tree-sitter');

function problems(file, node) {
  if (node.isError || node.isMissing) {
    const what = node.isMissing ? 'missing ' + node.type : 'cannot be read: ' + JSON.stringify(node.text.slice(0, 60));
    return [`${file}:${node.startPosition.row + 1}:${node.startPosition.column + 1}: ${what}`];
  }
  return node.children.flatMap((child) => problems(file, child));
}

async function main(files) {
  await Parser.init();
  const parser = new Parser();
  parser.setLanguage(await Language.load(modules.resolve('tree-sitter-powershell/tree-sitter-powershell.wasm')));
  const all = files.flatMap((file) => problems(file, parser.parse(fs.readFileSync(file, 'utf8')).rootNode));
  all.forEach((line) => console.log(line));
  console.log(`${files.length} scripts parsed, ${all.length} problems`);
  process.exit(all.length || !files.length ? 1 : 0);
}

main(process.argv.slice(2));
