export function handler(): object {
  return { hello: "world" };
}
