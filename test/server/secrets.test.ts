import assert from "node:assert/strict";
import { test } from "node:test";
import { secretLines, withoutSecretLines } from "../../server/repository/secretLines.ts";
import { isSecretPath } from "../../server/repository/secretPaths.ts";

const SECRET_PATHS = [
  ...[
    ".env",
    "deploy/.env.production",
    "prod.env",
    ".env-prod",
    ".env_local",
    "env.local",
    ".envrc",
    ".dev.vars",
  ],
  ...["app-secrets.yaml", "my-secrets.yaml", "config/secrets.yaml", "client_secret.json", "k8s/Secrets.YML"],
  ...[
    "gcp-credentials.json",
    "firebase-adminsdk.json",
    "shop-firebase-adminsdk-x1.json",
    "service-account.json",
  ],
  ...[".credentials", "config/credentials.json", "credentials", ".s3cfg", ".boto", "rclone.conf", ".my.cnf"],
  ...[".vault-token", "vault.yml", ".terraformrc", "prod.tfvars.json", "prod.tfvars", "terraform.tfstate"],
  ...["kubeconfig", "prod.kubeconfig", "auth.json", ".dockerconfigjson", ".m2/settings.xml", "pip.conf"],
  ...[".yarnrc.yml", ".npmrc", "nuget.config", "NuGet.Config", "sftp.json", ".vscode/my-sftp-config.json"],
  ...["wg0.conf", "deploy_rsa", "home/id_rsa", "home/id_ed25519.pub", "wp-config.php", "config/database.yml"],
  ...[
    "appsettings.Production.json",
    "local.settings.json",
    "key.properties",
    "private.key.txt",
    "passwords.txt",
  ],
  ...["secrets/prod.json", "deploy/secrets/token", ".npmrc.bak", ".env.bak", "secrets.yaml~", ".env.old.1"],
  ...["certs/server.pem", "certs/server.KEY", ".git-credentials", "app/.htpasswd", "release.jks"],
  ...["/home/a/.ssh/config", "/home/a/.aws/config", "/home/a/.kube/config", "/home/a/.docker/config.json"],
  ...["/home/a/.config/gcloud/x.json", "/home/a/.config/gh/hosts.yml", "C:\\Users\\a\\.ssh\\config"],
  ...["/home/a/.bash_history", "/home/a/.zsh_history", "/home/a/.psql_history", "/home/a/.node_repl_history"],
];
const ORDINARY_PATHS = [
  ...[
    "credentials.ts",
    "secret.go",
    "secrets.py",
    "src/credentialsForm.tsx",
    "lib/client_secret.rb",
    "password.vue",
  ],
  ...[
    "secrets/rotate.py",
    "secrets/README.md",
    "src/keyboard.ts",
    "src/environment.py",
    "src/env.ts",
    "env.d.ts",
  ],
  ...[".env.example", ".env.sample", ".env.local.template", "secrets.example.yaml", "docs/secrets.md"],
  ...[
    "config/database.ts",
    "database.yml",
    "src/settings.xml",
    "appsettings.json",
    "settings.json",
    "auth.ts",
  ],
  ...["crypto_rsa.py", "src/rsa/index.ts", "tokens.json", "history.ts", "src/shell_history.ts", "vault.go"],
  ...["config/gh/hosts.yml", "docker/config.json", "passwordReset.html", "templates/reset-password.txt"],
];
for (const [paths, expected] of [
  [SECRET_PATHS, true],
  [ORDINARY_PATHS, false],
] as const) {
  for (const path of paths) {
    test(`${path} ${expected ? "holds secrets" : "is ordinary"} by its path`, () => {
      assert.equal(isSecretPath(path), expected);
    });
  }
}

/** Put together here: no scanner should find them in this file. */
const BODY = Array.from({ length: 6 }, (_, i) => `MIIE${"aB3/x+Zq".repeat(7)}${i}Yz=`.slice(0, 64));
const BEGIN = (kind: string) => `-----BEGIN ${kind}PRIVATE KEY-----`;
const END = (kind: string) => `-----END ${kind}PRIVATE KEY-----`;
const alphabet = "aB3dE5gH7jK9mN1pQ4sT6vW8yZ0cF2iL";

/** Lines with a secret are marked by "!" at their beginning. */
const texts: readonly [string, string][] = [
  ["ordinary code", "const password = readPassword();\nconst token = next();\nif (secret) return;\n"],
  ["an access key of AWS", `a = 1\n!id = "AKIA${"Q7W3E5R9T2Y6U8I1".slice(0, 16)}"\nb = 2\n`],
  ["a token of GitHub", `x\n!  auth: ghp_${alphabet}aB3d\ny\n`],
  ["a live key of Stripe", `!STRIPE = "sk_live_${alphabet}"\n`],
  ["a token of Slack", `!slack xoxb-${"123456789012"}-${"1234567890123"}-${alphabet.slice(0, 24)}\n`],
  ["a password in a database's address", `!DATABASE_URL=postgres://shop:h7Gk29xQ@db.internal:5432/shop\n`],
  ["a password in an address", `# x\n!url: https://robot:h7Gk29xQp@example.org/a\n`],
  [
    "a key, whole",
    [`!${BEGIN("RSA ")}`, ...BODY.map((line) => `!${line}`), `!${END("RSA ")}`, "rest", ""].join("\n"),
  ],
  [
    "a key of an elliptic curve",
    [`!${BEGIN("EC ")}`, "!MHcCAQEEIBkg4LVWM9nuwNSk3yByxZpYRTBnVJk5oRqLmN", `!${END("EC ")}`, "x"].join("\n"),
  ],
  ["a key that is cut", ["before", `!${BEGIN("")}`, ...BODY.map((line) => `!${line}`)].join("\n")],
  [
    "a key in the lines of a program",
    [
      `!key = "${BEGIN("")}\\n" +`,
      ...BODY.map((line) => `!  "${line}\\n" +`),
      `!  "${END("")}\\n";`,
      "next();",
      "",
    ].join("\n"),
  ],
  ["a key in one line", `{\n!  "private_key": "${BEGIN("")}\\n${BODY.join("\\n")}\\n${END("")}\\n"\n}\n`],
  ["code that looks for a key", `if (text.startsWith("${BEGIN("")}")) {\n  return decode(text);\n}\n`],
  ["a password that is assigned", `user = "shop"\n!password = "h7Gk-29xQp"\n`],
  ["a secret in an object", `{\n!  "clientSecret": "8f14e45fceea167a5a36dedd4bea2543",\n  "port": 80\n}\n`],
  [
    "names and places of secrets",
    `password: "your-password"\ntokenUrl: "https://a.org/t0k3n"\nsecret = "\${SECRET_1}"\napiKey: "<key-1>"\n`,
  ],
  ["a comment that switches rules off", `// secretlint-disable\n!x = "ghp_${alphabet}aB3d"\n`],
];
for (const [name, marked] of texts) {
  test(`lines with secrets: ${name}`, async () => {
    const lines = marked.split("\n");
    const expected = lines.flatMap((line, i) => (line.startsWith("!") ? [i] : []));
    const text = lines.map((line) => line.replace(/^!/, "")).join("\n");
    assert.deepEqual(
      [...(await secretLines(text))].sort((a, b) => a - b),
      expected,
    );
    const told = (await withoutSecretLines(text)).split("\n");
    assert.deepEqual(
      told,
      lines.map((line) => (line.startsWith("!") ? "" : line)),
    );
  });
}

test("a text of any kind is scanned in time that grows with its length alone", async () => {
  const hostile = [
    "-----BEGIN PRIVATE KEY-----\n".repeat(2300),
    "-----BEGIN PRIVATE KEY-----\nAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n".repeat(1100),
    "https://".repeat(8000),
    "password='aaaaaaa1".repeat(3600),
    "ghs_1_".repeat(10_000),
    `SG.a.${"w".repeat(300)}`.repeat(200),
    "xoxb-a-".repeat(9000),
    "postgres://a:".repeat(5000),
    "ops_eyA".repeat(9000),
    "secret ".repeat(9000),
    "A".repeat(65_000),
    " ".repeat(65_000),
    `password${" ".repeat(60_000)}`,
  ];
  for (const text of hostile) {
    const startedMs = performance.now();
    await secretLines(text);
    const ms = performance.now() - startedMs;
    assert.ok(ms < 2000, `${text.slice(0, 20)}: ${ms.toFixed(0)} ms`);
  }
});
