// Checks Kusto queries with Microsoft's own parser, found in the node_modules of the working directory.
// Standard input: {"queries": [text], "tables": {name: {column: type}} or null}; without tables only syntax is checked.
// Standard output: for each query a list of {"message", "start"}.
"use strict";

const fs = require("node:fs");
const path = require("node:path");
const { createRequire } = require("node:module");

// The parser is C# that was translated to JavaScript: it puts its namespaces on what it takes for a browser's window.
global.window = global;
const fromFolder = createRequire(path.join(process.cwd(), "package.json"));
fromFolder("@kusto/language-service-next/bridge.min.js");
fromFolder("@kusto/language-service-next/Kusto.Language.Bridge.min.js");
const { KustoCode, GlobalState, Symbols } = Kusto.Language;

/** What the parser knows of the world: one database with these tables, beside the language's own functions. */
function globalsWith(tables) {
    const symbols = Object.entries(tables).map(([name, columns]) => {
        const schema = Object.entries(columns).map(([column, type]) => `${column}: ${type}`);
        return Symbols.TableSymbol.From(`(${schema.join(", ")})`).WithName(name);
    });
    return GlobalState.Default.WithDatabase(new Symbols.DatabaseSymbol.ctor("logs", symbols));
}

function listOf(diagnostics) {
    const all = Array.from({ length: diagnostics.Count }, (_, index) => diagnostics.getItem(index));
    const wrong = all.filter(({ Severity }) => Severity === "Error" || Severity === "Warning"); // not style advice
    return wrong.map(({ Message, Start }) => ({ message: Message, start: Start }));
}

const { queries, tables } = JSON.parse(fs.readFileSync(0, "utf8"));
const globals = tables === null ? null : globalsWith(tables);
const answers = queries.map((query) => {
    if (globals === null) {
        return listOf(KustoCode.Parse(query).GetSyntaxDiagnostics());
    }
    return listOf(KustoCode.ParseAndAnalyze(query, globals).GetDiagnostics());
});
process.stdout.write(JSON.stringify(answers));
