/** The messages of protocol/ on the server's connection: their types come from the message, never from a cast. */
import {
  type CancellationToken,
  type Connection,
  type ProgressToken,
  ProgressType,
  type ResponseError,
} from "vscode-languageserver/node";
import type { Notification, Request } from "../protocol/message.ts";

/** A client may send anything: what a handler reads of its parameters is either checked by it or may fail. */
export function onRequest<Params, Answer, Partial>(
  connection: Connection,
  { method }: Request<Params, Answer, Partial>,
  handler: (
    params: Params | null,
    token: CancellationToken,
  ) => Answer | ResponseError<void> | Promise<Answer | ResponseError<void>>,
): void {
  // A request without parameters comes with the token alone.
  connection.onRequest<unknown, void>(
    method,
    (...given: [Params, CancellationToken] | [CancellationToken]) =>
      given.length === 1 ? handler(null, given[0]) : handler(given[0] ?? null, given[1]),
  );
}

export function onNotification<Params>(
  connection: Connection,
  { method }: Notification<Params>,
  handler: (params: Params) => void | Promise<void>,
): void {
  connection.onNotification(method, (params: Params) => handler(params));
}

export function notify<Params>(
  connection: Connection,
  { method }: Notification<Params>,
  params: Params,
): void {
  void connection.sendNotification(method, params);
}

/** Before the answer; nothing where the client gave no token. */
export function sendPartial<Params, Answer, Partial>(
  connection: Connection,
  _request: Request<Params, Answer, Partial>,
  token: ProgressToken | undefined,
  partial: Partial,
): void {
  if (token !== undefined) void connection.sendProgress(new ProgressType<unknown>(), token, partial);
}
