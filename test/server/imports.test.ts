import assert from "node:assert/strict";
import { test } from "node:test";
import { importedBy } from "../../server/repository/imports.ts";

/** A document, and of other files those that it imports and those that it does not. */
interface Case {
  readonly language: string;
  readonly path: string;
  readonly text: string;
  readonly yes: readonly string[];
  readonly no?: readonly string[];
}

const CASES: readonly Case[] = [
  // Scripts
  {
    language: "typescript",
    path: "src/a.ts",
    text: 'import { b } from "./b";',
    yes: ["src/b.ts", "src/b.tsx", "src/b/index.ts", "src/b.d.ts"],
    no: ["b.ts", "lib/b.ts", "src/b.rs", "src/bb.ts", "src/b/c.ts"],
  },
  {
    language: "typescript",
    path: "src/a.ts",
    text: 'import type {\n  First,\n  Second, // of "other"\n} from "../lib/names.js";',
    yes: ["lib/names.ts", "lib/names.js"],
    no: ["names.ts", "lib/other.ts", "src/names.ts"],
  },
  {
    language: "typescript",
    path: "src/a.ts",
    text: 'export * from "./b";\nexport { c }\n  from "./c";',
    yes: ["src/b.ts", "src/c.ts"],
  },
  {
    language: "typescript",
    path: "src/a.ts",
    text: 'import "./styles.css";\nimport data from "./data.json";',
    yes: ["src/styles.css", "src/data.json"],
    no: ["src/styles.ts"],
  },
  {
    language: "typescript",
    path: "src/a.ts",
    text: 'const late = await import("./late");\ntype L = import(`./types`).L;',
    yes: ["src/late.ts", "src/types.ts"],
  },
  {
    language: "javascript",
    path: "a.js",
    text: "const b = require('./b'), c = require(\n  './lib/c.cjs'\n);",
    yes: ["b.js", "lib/c.cjs", "lib/c.js"],
    no: ["c.js"],
  },
  { language: "typescript", path: "a.ts", text: 'import b = require("./b");', yes: ["b.ts"] },
  {
    language: "typescriptreact",
    path: "app/pages/a.tsx",
    text: 'import { B } from "@/parts/B";\nimport C from "~/C";',
    yes: ["src/parts/B.tsx", "parts/B/index.ts", "app/C.vue"],
    no: ["B.tsx", "src/otherparts/B.tsx"],
  },
  {
    language: "typescript",
    path: "a.ts",
    text: 'import r from "r";\nimport { x } from "react";',
    yes: [],
    no: ["r.ts", "src/r.ts", "react.ts"],
  },
  {
    language: "typescript",
    path: "a.ts",
    text: 'import { b } from "src/lib/b";',
    yes: ["src/lib/b.ts"],
    no: ["b.ts", "lib/b.ts"],
  },
  {
    language: "typescript",
    path: "a.ts",
    text: '// import { b } from "./b";\n/* require("./c") */\nconst url = "http://x"; import("./d");',
    yes: ["d.ts"],
    no: ["b.ts", "c.ts"],
  },
  {
    language: "typescript",
    path: "a.ts",
    text: 'import { b } from "../../outside";',
    yes: [],
    no: ["outside.ts"],
  },
  {
    language: "typescript",
    path: "src/a.ts",
    text: 'import { b } from "..";\nimport { c } from ".";',
    yes: ["index.ts", "src/index.ts"],
    no: ["src/b.ts"],
  },
  {
    language: "vue",
    path: "src/A.vue",
    text: "<script setup>\nimport B from './B.vue'\n</script>",
    yes: ["src/B.vue"],
    no: ["src/B.ts"],
  },
  { language: "javascript", path: "a.js", text: "import logo from './logo.svg?raw';", yes: ["logo.svg"] },
  // Python
  {
    language: "python",
    path: "pkg/a.py",
    text: "from . import x, y as z\n",
    yes: ["pkg/x.py", "pkg/y.py", "pkg/__init__.py"],
    no: ["x.py", "pkg/z.py", "pkg/x.pyx"],
  },
  {
    language: "python",
    path: "pkg/sub/a.py",
    text: "from ..b import (\n    first,\n    second,\n)\nfrom .c import d",
    yes: ["pkg/b.py", "pkg/b/first.py", "pkg/b/second/__init__.py", "pkg/sub/c.py"],
    no: ["b.py", "pkg/sub/b.py"],
  },
  {
    language: "python",
    path: "a.py",
    text: "import shop.order, shop.price as p\nimport r\n",
    yes: ["src/shop/order.py", "shop/price.py", "r.py", "lib/r.py"],
    no: ["order.py", "p.py", "car.py", "r.rs", "shop/r/x.py"],
  },
  {
    language: "python",
    path: "a.py",
    text: "from shop import order, \\\n  price\n",
    yes: ["shop/order.py", "shop/price.py", "shop/__init__.py"],
  },
  {
    language: "python",
    path: "a.py",
    text: "from shop.order import *\n# import hidden\n'''\nimport quoted\n'''",
    yes: ["shop/order.py"],
    no: ["hidden.py", "quoted.py"],
  },
  // Go
  {
    language: "go",
    path: "cmd/main.go",
    text: 'package main\n\nimport (\n\t"fmt"\n\tstore "example.com/shop/internal/store"\n\t_ "example.com/shop/price" // "x/hidden"\n)\n',
    yes: ["internal/store/db.go", "internal/store/rows.go", "price/price.go"],
    no: ["store.go", "internal/db.go", "internal/storekeeper/a.go", "x/hidden/a.go", "fmt.go"],
  },
  {
    language: "go",
    path: "main.go",
    text: 'package main\n\nimport "example.com/shop/price"\nimport p "example.com/shop/pay"\n',
    yes: ["price/a.go", "pay/b.go"],
    no: ["price.go"],
  },
  // Rust
  {
    language: "rust",
    path: "src/main.rs",
    text: "mod r;\nmod inline { fn x() {} }\nuse std::error::Error;\n",
    yes: ["src/r.rs", "src/r/mod.rs"],
    no: ["r.rs", "src/error.rs", "src/inline.rs", "src/Error.rs"],
  },
  {
    language: "rust",
    path: "src/a/b.rs",
    text: "use crate::{c, d::{e, f::G}};\nuse super::h;\nuse self::k::L as M;",
    yes: [
      "src/c.rs",
      "src/d.rs",
      "src/d/e.rs",
      "src/d/f.rs",
      "src/a/h.rs",
      "src/a/mod.rs",
      "src/a.rs",
      "src/lib.rs",
      "src/a/b/k.rs",
    ],
    no: ["src/e.rs", "src/f.rs", "src/h.rs", "c.rs", "src/M.rs"],
  },
  {
    language: "rust",
    path: "crates/x/src/lib.rs",
    text: "pub(crate) mod one;\npub use crate::two::{self, Three};\nfn f<'a>(x: &'a str) { /* mod four; */ }",
    yes: ["crates/x/src/one.rs", "crates/x/src/two.rs"],
    no: ["crates/y/src/one.rs", "crates/x/src/four.rs", "src/two.rs"],
  },
  {
    language: "rust",
    path: "src/p.rs",
    text: "// for r in read { write(r) }\nuse std::fs::read;",
    yes: [],
    no: ["src/r.rs", "r.rs", "src/read.rs", "src/fs.rs"],
  },
  // C and its like
  {
    language: "c",
    path: "src/a.c",
    text: '#include "r.h"\n#  include <lib/list.h>\n',
    yes: ["src/r.h", "include/r.h", "lib/list.h", "include/lib/list.h"],
    no: ["src/r.c", "r.rs", "src/bar.h", "list.h"],
  },
  {
    language: "cpp",
    path: "src/app/a.cc",
    text: '#include "../core/r.hpp"\n// #include "hidden.h"\n',
    yes: ["src/core/r.hpp"],
    no: ["hidden.h", "r.hpp"],
  },
  { language: "objective-c", path: "a.m", text: "#import <Kit/View.h>\n", yes: ["Kit/View.h"] },
  // Others
  {
    language: "java",
    path: "src/main/java/com/x/A.java",
    text: "import com.x.shop.Order;\nimport static com.x.Math.add;\nimport java.util.*;",
    yes: ["src/main/java/com/x/shop/Order.java", "src/main/java/com/x/Math.java"],
    no: ["Order.java", "com/y/shop/Order.java"],
  },
  {
    language: "kotlin",
    path: "A.kt",
    text: "import com.x.Order as O\n",
    yes: ["com/x/Order.kt"],
    no: ["O.kt"],
  },
  {
    language: "haskell",
    path: "Main.hs",
    text: "import qualified Data.Shop as S\n-- import Data.Hidden\n",
    yes: ["src/Data/Shop.hs"],
    no: ["Shop.hs", "Data/Hidden.hs"],
  },
  {
    language: "ruby",
    path: "lib/a.rb",
    text: "require_relative 'shop/order'\nrequire \"json\"\n",
    yes: ["lib/shop/order.rb"],
    no: ["order.rb", "shop/order.rb"],
  },
  {
    language: "php",
    path: "public/index.php",
    text: "<?php\nuse App\\Models\\{User, Post as P};\nuse App\\Shop\\Order;\nrequire __DIR__ . '/lib/x.php';",
    yes: ["app/Models/User.php", "src/Models/Post.php", "src/Shop/Order.php", "public/lib/x.php"],
    no: ["User.php", "Order.php"],
  },
  {
    language: "lua",
    path: "a.lua",
    text: 'local b = require("shop.order")\nlocal c = require "price"',
    yes: ["lua/shop/order.lua", "shop/order/init.lua", "price.lua"],
    no: ["order.lua"],
  },
  {
    language: "dart",
    path: "lib/a.dart",
    text: "import 'b.dart';\nimport 'package:shop/src/c.dart';",
    yes: ["lib/b.dart", "lib/src/c.dart"],
    no: ["b.dart", "c.dart"],
  },
  { language: "cobol", path: "a.cob", text: "COPY R. import r", yes: [], no: ["r.cob"] },
  { language: "constructor", path: "a", text: "import r", yes: [], no: ["r"] },
];

for (const { language, path, text, yes, no = [] } of CASES) {
  test(`${language}: ${JSON.stringify(text)}`, () => {
    for (const crlf of [false, true]) {
      const isImported = importedBy({
        languageId: language,
        relativePath: path,
        text: crlf ? text.replaceAll("\n", "\r\n") : text,
      });
      for (const file of yes) assert.equal(isImported(file), true, `${file} is imported`);
      for (const file of no) assert.equal(isImported(file), false, `${file} is not imported`);
    }
  });
}

test("hostile texts are read in bounded time", () => {
  const hostile = [
    "import ",
    "export from ",
    "use a::{",
    "use {{{",
    "from . import (",
    "`",
    "'",
    "/*",
    "require(",
    '#include "',
    "import (\n",
  ];
  for (const piece of hostile) {
    for (const languageId of ["typescript", "python", "rust", "go", "c", "php", "java", "lua"]) {
      const startedMs = performance.now();
      importedBy({ languageId, relativePath: "a", text: piece.repeat(100_000) })("b");
      assert.ok(
        performance.now() - startedMs < 2000,
        `${languageId} ${JSON.stringify(piece)}: ${performance.now() - startedMs} ms`,
      );
    }
  }
});
