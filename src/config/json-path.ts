// Where something is, in the words a person would use: `routes[1].target.port`.

/** The path of a key or an index below `path`. */
export function below (path: string, key: string | number): string {
  if (typeof key === 'number') return `${path}[${key}]`
  if (!/^[A-Za-z_$][\w$]*$/.test(key)) return `${path}[${JSON.stringify(key)}]`
  return path === '' ? key : `${path}.${key}`
}

/** The path that a JSON Pointer (RFC 6901) means. No key of ours is a number, so a number is an index. */
export function fromPointer (pointer: string): string {
  return pointer.split('/').slice(1)
    .map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'))
    .reduce((path, token) => below(path, /^\d+$/.test(token) ? Number(token) : token), '')
}
