import { InlineCompletionTriggerKind } from "vscode";
import type { Middleware } from "vscode-languageclient/node";
import { isLanguageEnabled } from "../protocol/languages.ts";
import { SETTINGS_SECTION } from "../protocol/settings.ts";
import type { LateText } from "./lateText.ts";
import type { Meter } from "./meter.ts";
import { type CurrentSettings, rawSettings } from "./settings.ts";
import type { Snooze } from "./snooze.ts";
import { withTabSize } from "./tabSize.ts";

export interface MiddlewareParts {
  readonly meter: Meter;
  readonly snooze: Snooze;
  readonly settings: CurrentSettings;
  readonly lateText: LateText;
  /** Goes to the server before settings that may name another one. */
  readonly sendRemoteKey: () => Promise<void>;
}

/** Measures what passes between editor and server, and spares the server what it would refuse. */
export function createMiddleware(parts: MiddlewareParts): Middleware {
  const { meter, snooze, settings, lateText } = parts;
  return {
    provideInlineCompletionItems: (document, position, asked, token, next) => {
      const context = lateText.takes(document, position)
        ? { ...asked, triggerKind: InlineCompletionTriggerKind.Automatic }
        : asked;
      if (context.triggerKind === InlineCompletionTriggerKind.Automatic) snooze.noticeAutomaticRequest();
      if (!isLanguageEnabled(settings.now.languages, document.languageId)) return undefined;
      return meter.measure(
        async () => next(document, position, context, token),
        (answer) =>
          !token.isCancellationRequested &&
          !!answer &&
          (Array.isArray(answer) ? answer : answer.items).length > 0,
      );
    },
    sendRequest: (type, params, token, next) => {
      const method = typeof type === "string" ? type : type.method;
      return next(type, params === undefined ? params : withTabSize(method, params), token);
    },
    // The status bar has the percentage; a second one beside it would only be noise.
    handleWorkDoneProgress: () => undefined,
    workspace: {
      configuration: async (params, token, next) => {
        const isOurs = params.items.every((item) => item.section === SETTINGS_SECTION);
        if (!isOurs) return await next(params, token);
        await parts.sendRemoteKey();
        return params.items.map(({ scopeUri }) => rawSettings(scopeUri));
      },
      // A server that is being stopped is not told so: sending would start it again.
      didChangeConfiguration: (sections, next) => (settings.now.enabled ? next(sections) : Promise.resolve()),
    },
  };
}
