/** How Node is to run the server, whoever starts it; the first line of server/main.ts says the same. */

/**
 * V8 lets the space of new objects grow to three times 32 MiB while a person types, most of it garbage that is collected
 * late; a full-grown space of 4 MiB takes no more processor time.
 */
export const SERVER_FLAGS: readonly string[] = ["--max-semi-space-size=4"];
