import { quoted, UnreadableRequest, validateAsked } from './asked-request.js'
import type { AskedRequest } from './asked-request.js'
import { CurlBody, notRead } from './curl-body.js'
import { curlFields } from './curl-fields.js'
import { readCurlOptions } from './curl-options.js'
import type { Flag, Said, Valued } from './curl-options.js'
import { readCurlUrl, withQuery } from './curl-url.js'
import type { CurlUrl } from './curl-url.js'

/**
 * The request that curl would send.
 *
 * @param words of a command line, with a character for each byte
 * @throws UnreadableRequest
 */
export function requestOfCurl (words: readonly string[]): AskedRequest {
  // The prompt of a shell, as it stands in many a text.
  const [command = '', ...args] = words[0] === '$' ? words.slice(1) : words
  if (command !== 'curl') throw new UnreadableRequest(`found ${quoted(command)}, must begin with curl`)
  const said = new CurlOptions(readCurlOptions(args))
  const body = readBody(said)
  const url = readCurlUrl(said.url, { brackets: said.has('globoff'), dots: said.has('path-as-is') })
  const sent = said.has('get') ? undefined : body.data
  const queries = [...said.values('url-query').map(value => value.startsWith('+') ? value.slice(1) : body.encoded(value)), said.has('get') ? body.data ?? '' : '']
  const asked = {
    method: said.last('request') ?? methodOf(said, sent !== undefined || body.isForm),
    target: said.last('request-target') ?? queries.reduce(withQuery, url.target),
    host: url.host,
    fields: curlFields(ownFields(said, url, body, sent), said.values('header')),
    ...(sent !== undefined && { body: sent }),
    notes: [...body.notes, ...said.values('cookie').filter(isFile).map(notRead)]
  }
  validateAsked(asked)
  return asked
}

/** What a command line says. */
class CurlOptions {
  readonly all: readonly Said[]

  constructor (all: readonly Said[]) {
    this.all = all
  }

  values (option: Valued): string[] {
    return this.all.flatMap(said => 'value' in said && said.option === option ? [said.value] : [])
  }

  last (option: Valued): string | undefined {
    return this.values(option).at(-1)
  }

  has (wanted: Flag): boolean {
    return this.all.some(({ option }) => option === wanted)
  }

  /** @throws UnreadableRequest where it is not one */
  get url (): string {
    const [url, ...others] = this.values('url')
    if (url === undefined) throw new UnreadableRequest('found no URL')
    if (others.length > 0) throw new UnreadableRequest(`found more than one URL: ${[url, ...others].map(quoted).join(', ')}`)
    return url
  }
}

function readBody ({ all }: CurlOptions): CurlBody {
  const body = new CurlBody()
  for (const said of all) {
    switch (said.option) {
      case 'data': case 'data-ascii': case 'data-binary': body.addData(said.value, true); break
      case 'data-raw': body.addData(said.value, false); break
      case 'data-urlencode': body.addEncoded(said.value); break
      case 'json': body.addJson(said.value); break
      case 'form': case 'form-string': body.addForm()
    }
  }
  return body
}

function methodOf (said: CurlOptions, hasBody: boolean): string {
  if (said.has('head')) return 'HEAD'
  return hasBody ? 'POST' : 'GET'
}

function ownFields (said: CurlOptions, { user: inUrl }: CurlUrl, { isJson, isForm }: CurlBody, sent: string | undefined): Array<readonly [name: string, value: string | undefined]> {
  const user = said.last('user') ?? inUrl
  const bearer = said.last('oauth2-bearer')
  const range = said.last('range')
  const cookies = said.values('cookie').filter(value => !isFile(value))
  return [
    ['Authorization', bearer === undefined ? user && basic(user) : `Bearer ${bearer}`],
    ['Range', range && `bytes=${range}`],
    ['User-Agent', (said.last('user-agent') ?? 'curl') || undefined],
    ['Accept', isJson ? 'application/json' : '*/*'],
    ['Accept-Encoding', said.has('compressed') ? 'deflate, gzip, br, zstd' : undefined],
    ['Referer', said.last('referer')?.replace(/;auto$/, '') || undefined],
    ['Cookie', cookies.join(';') || undefined],
    ['Content-Type', sent === undefined ? (isForm ? 'multipart/form-data; boundary=form' : undefined) : isJson ? 'application/json' : 'application/x-www-form-urlencoded']
  ]
}

/** `--cookie` takes cookies, or the name of a file. */
function isFile (cookie: string): boolean {
  return !cookie.includes('=')
}

function basic (user: string): string {
  return `Basic ${Buffer.from(user.includes(':') ? user : `${user}:`, 'latin1').toString('base64')}`
}
