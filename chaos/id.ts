/** The path of a request below its upstream's prefix; its number stands in the query, where log lines show it. */
export function pathOf (upstream: string, number: number, kind = 'body'): string {
  return `/${upstream}/${kind}?id=${number}`
}

/** The number of the request whose URL it is. */
export function idIn (url: string): number | undefined {
  const digits = /[?&]id=(\d+)/.exec(url)?.[1]
  return digits === undefined ? undefined : Number(digits)
}
