/**
 * Writes test/golden/tokenizer/ids.json: the tokens that llama.cpp makes of the texts below with each file of FOLDER, a
 * vocabulary that is cut in the way that the file's name says (model/golden_tokenizer.py makes them).
 *   node scripts/eval/peer/tokens.ts FOLDER
 */
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { loadLlama } from "./llama.ts";

const OUT = new URL("../../../test/golden/tokenizer/ids.json", import.meta.url);

const TEXTS = [
  "def area(r: float) -> float:\n    return 3.14159 * r ** 2\n",
  "class Foo(Bar):\n\tdef __init__(self, x=None):\n\t\tself.x = x\n\n\n",
  "for (let i = 0; i < 1000000; i++) {\r\n  total += items[i]?.price ?? 0;\r\n}\r\n",
  "const f = async ({ a, ...rest }) => a?.b ?? /^[\\w.-]+$/u.test(rest[0]);",
  'fn main() -> Result<(), Box<dyn Error>> {\n    println!("{:?}", &v[..]);\n    Ok(())\n}\n',
  "#include <vector>\n#define MAX(a,b) ((a)>(b)?(a):(b))\nstd::vector<int> v{1,2,3};\n",
  "func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {\n\tdefer s.mu.Unlock()\n}\n",
  "public static void main(String[] args) throws IOException { System.out.println(0x7fffffffL); }",
  "SELECT u.id, COUNT(*) AS n FROM users u LEFT JOIN orders o ON o.uid = u.id GROUP BY 1 HAVING n >= 10;",
  "<div class=\"row\" data-id='42'>\n  <!-- note -->\n  <p>&nbsp;Hello</p>\n</div>\n",
  '{"name": "x", "version": "1.20.300", "list": [1, 22, 333, 4444, 55555]}\n',
  "if [[ -z \"$1\" ]]; then echo 'usage: $0 FILE' >&2; exit 2; fi\n",
  "module Main where\nimport qualified Data.Map as M\nmain = mapM_ print $ M.toList (M.fromListWith (+) [(1,2)])\n",
  "@media (max-width: 40em) { a:hover { color: #ff00aa; margin: -1px auto } }",
  "key: value\n  - nested: [a, b]\n  # comment\n",
  "We don't think it's what they'd've done; I'LL say 'tis THEY'RE.",
  "   leading, trailing   ",
  "\n\n\n   \n\t\t\n  x\n",
  "a\n\n    b\n        c",
  "\r\n\r\r\n",
  "x = 1234567890123456789;y=007",
  "snake_case camelCase PascalCase SCREAMING_CASE kebab-case __dunder__",
  "!!! ??? ... ### --- === ;;; ((( ))) <=>|&|^~$+`",
  "naïve café Ångström — “quotes” … €100",
  "e\u0301le\u0300ve n\u0303 combined",
  "Привет, мир! Ещё 42 строки",
  "世界你好，这是一个测试。函数（参数）",
  "こんにちは、カタカナ、漢字123",
  "한국어 텍스트 처리",
  "مرحبا بالعالم ١٢٣",
  "हिन्दी में पाठ ४५६",
  "🙂👩‍👩‍👧 emoji 🚀🚀",
  "no\u00a0break\u2003em\u200bzero\u3000wide",
  "½ ² Ⅷ ① 𝟘",
  "<|fim_middle|> and <|endoftext|> are plain text here",
  "tab\tseparated\tvalues\t\t\n",
] as const;

const [folder] = process.argv.slice(2);
if (folder === undefined) throw new Error("Give the folder of the files.");

const llama = await loadLlama(1);
const ids: Record<string, readonly (readonly number[])[]> = {};
for (const name of readdirSync(folder).sort()) {
  const model = await llama.loadModel({ modelPath: join(folder, name), vocabOnly: true });
  ids[name.replace(/\.gguf$/, "")] = TEXTS.map((text) => Array.from(model.tokenize(text, false)));
  await model.dispose();
}
const rows = Object.entries(ids).map(
  ([name, lists]) =>
    `${JSON.stringify(name)}: [\n${lists.map((list) => `  ${JSON.stringify(list)}`).join(",\n")}\n]`,
);
writeFileSync(OUT, `{"texts": ${JSON.stringify(TEXTS, null, 1)},\n"ids": {\n${rows.join(",\n")}\n}}\n`);
await llama.dispose();
