/** The link that signs in stands behind the number sign, where no server sees it. */

const SIGN_IN = /^#sign-in=(\S+)$/;

/** The link in the address, which is taken out of it at once. */
export function takeLink(): string | undefined {
  const link = SIGN_IN.exec(globalThis.location.hash)?.[1];
  if (link !== undefined) globalThis.history.replaceState(null, "", "/");
  return link;
}
