export {};

declare global {
  /** Of the Trusted Types API, what is needed here. What a policy makes is no string, and goes where one is asked for. */
  var trustedTypes:
    | {
        createPolicy(
          name: string,
          rules: { createScriptURL: (url: string) => string },
        ): { createScriptURL: (url: string) => string };
      }
    | undefined;
}
