import { readFileSync } from 'node:fs'

/** The project's own directory. */
export const ROOT = new URL('../../', import.meta.url)
export const README = readFileSync(new URL('README.md', ROOT), 'utf8')

/** The code blocks of one language. */
export function codeBlocks (language: string): string[] {
  return [...README.matchAll(/^( *)```(\w+)\n([^]*?)\n\1```$/gm)].flatMap(([, , found, code]) => found === language && code !== undefined ? [code] : [])
}

/** The rows of the table whose head starts with that column; each cell as text, without its backticks where it is one code. */
export function table (firstColumn: string): string[][] {
  const [, rows = ''] = new RegExp(`^\\| ${firstColumn} \\|.*\\n\\|[ |-]+\\|\\n((?:\\|.*\\|\\n)+)`, 'm').exec(README) ?? []
  return rows.trimEnd().split('\n').map(row => row.slice(1, -1).split('|').map(cell => cell.trim().replace(/^`([^`]*)`$/, '$1')))
}
