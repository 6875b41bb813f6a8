import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import t from 'tap'
import { bytesOf, UnreadableRequest } from '../../src/explain/asked-request.js'
import type { AskedRequest } from '../../src/explain/asked-request.js'
import { requestOfCurl } from '../../src/explain/curl-line.js'
import { shellWords } from '../../src/explain/shell-words.js'
import { missing } from '../fixtures/command.js'
import { service } from '../fixtures/peers.js'

const run = promisify(execFile)

function read (line: string): AskedRequest {
  return requestOfCurl(shellWords(bytesOf(line)))
}

/** What a service would see, but for what tells which curl it is. */
interface Seen {
  method: string
  target: string
  fields: string[]
  body: string
}

const OF_THIS_CURL: Readonly<Record<string, string>> = { 'user-agent': 'curl', 'accept-encoding': 'deflate, gzip, br, zstd' }

function seen (method: string, target: string, fields: ReadonlyArray<readonly [string, string]>, body: string): Seen {
  const shown = fields.map(([name, value]): [string, string] => [name.toLowerCase(), value])
    // The parts of a form are not made here.
    .filter(([name]) => !/^multipart/.test(Object.fromEntries(fields)['Content-Type'] ?? '') || name !== 'content-length')
    .map(([name, value]) => `${name}: ${name === 'user-agent' && !value.startsWith('curl') ? value : OF_THIS_CURL[name] ?? value.replace(/boundary=.*/, 'boundary=form')}`)
  // Versions of curl differ in the case of what they encode.
  return { method, target: target.toLowerCase(), fields: shown.sort(), body: shown.some(field => field.includes('boundary=')) ? '' : body }
}

/** `HERE` stands for a service. */
const LINES = [
  'curl HERE/a',
  "curl 'http://HERE/a?b=c&d=e#f'",
  'curl --url http://HERE -X PATCH',
  'curl -XPUT -sSLkv HERE/a -o /dev/null',
  'curl -I HERE/a',
  "curl HERE/a -H 'X-A: 1' -H 'x-a:2' --header 'Empty;' -H 'Accept:' -H 'User-Agent: mine'",
  "curl HERE/a -A mine -e http://x/ -b 'a=b' -b c=d -r 0-9 --compressed",
  "curl HERE/a -A '' -e ';auto'",
  'curl -u user:pass HERE/a',
  'curl http://us%65r:p%40ss@HERE/a',
  'curl --oauth2-bearer abc HERE/a',
  "curl HERE/a -u user:pass -H 'Authorization: Bearer x'",
  'curl HERE/a -d a=b --data c=d',
  "curl HERE/a --data-raw '@x' -d '' --data-binary y",
  "curl HERE/a --data-urlencode 'a=b c&ä' --data-urlencode 'x y~.-_' --data-urlencode '=z/'",
  "curl -G HERE/a --data-urlencode 'q=ä b' -d n=1",
  "curl -G 'HERE/a?x=1' -d n=1",
  "curl HERE/a --json '{\"a\":1}' --json '[]'",
  "curl HERE/a --json '{}' -H 'Content-Type: application/merge-patch+json' -X PATCH",
  "curl HERE/a -F 'a=b' -F c=d",
  'curl HERE/a -I -d x -G',
  "curl HERE/a --url-query 'q=ä b' --url-query '+x=%20'",
  'curl HERE/a/./b/../c/.. --get',
  'curl HERE/a/../../b',
  'curl --path-as-is HERE/a/../b',
  "curl -g 'HERE/a?b[]={1}'",
  "curl 'HERE/a?b\\[\\]=\\{1\\}'",
  "curl HERE/a --request-target '*' -X OPTIONS",
  "curl HERE/a -H 'Host: other.example.com'",
  "curl HERE/a -H $'X-A: it\\'s\\u0021 \\x41\\101\\t\\\\ \\u00e4'",
  'curl HERE/a -H "X-A: \\"quoted\\" \\$HOME \\a $ x"',
  'curl HERE/a \\\n  -H X-A:\\ 1 \\\n  -H "X-B: 2\\\n3"',
  "curl HERE/a -H 'X-A: äöü' -H X-B:'1'2\"3\"",
  'curl HERE/a --no-progress-meter --http1.1 -4 --max-time 9 | cat'
]

t.test('a line is read as bash and curl read it', { skip: missing('curl', 'curl', 'of lines for curl') }, async t => {
  let got: Seen | undefined
  const { port } = await service(t, async (request, response) => {
    const { method = '', url = '', rawHeaders } = request
    const fields = rawHeaders.flatMap((name, nth): Array<[string, string]> => nth % 2 === 0 ? [[name, String(rawHeaders[nth + 1])]] : [])
    let body = ''
    for await (const chunk of request.setEncoding('latin1')) body += String(chunk)
    got = seen(method, url, fields, body)
    response.end()
  })
  for (const template of LINES) {
    const line = template.replace('HERE', `127.0.0.1:${port}`)
    await run('bash', ['-c', line], { env: { PATH: process.env.PATH, HOME: '/nowhere', LC_ALL: 'C.UTF-8' } })
    const { method, target, host, fields, body } = read(line)
    const framed: AskedRequest['fields'] = [...(fields.some(([name]) => name === 'Host') ? [] : [['Host', host]] as const), ...fields, ...(body === undefined ? [] : [['Content-Length', String(body.length)]] as const)]
    t.strictSame(seen(method, target, framed, body ?? ''), got, template)
  }
})

t.test('files are not read, and it is said', async t => {
  t.match(read('curl x/a -d a=1 -d @secret.txt --data-urlencode b@other -b jar --json @third'), {
    method: 'POST', body: 'a=1&&b=', notes: ['The file secret.txt is not read', 'The file other is not read', 'The file third is not read', 'The file jar is not read']
  })
  t.strictSame(read('curl x/a -F a=@b -F c=d').notes, ['The form is sent without its parts'])
  t.throws(() => read('curl x/a -H @headers'), { message: 'found "@headers", which names a file: no file is read here' })
})

t.test('what a line says is told when it cannot be understood', async t => {
  for (const [line, message] of Object.entries({
    '': 'found "", must begin with curl',
    'wget x': 'found "wget", must begin with curl',
    curl: 'found no URL',
    'curl a b': 'found more than one URL: "a", "b"',
    'curl x --next y': 'found the option "--next" of curl, which is not known here',
    'curl x -T file': 'found the option "-T" of curl, which is not known here',
    'curl x --no-request': 'found the option "--no-request" of curl, which is not known here',
    'curl x --constructor': 'found the option "--constructor" of curl, which is not known here',
    'curl x -H': 'found the option "-H" of curl without its value',
    'curl x -o': 'found the option "-o" of curl without its value',
    'curl x -H nothing': 'found "nothing", must be a header such as "Accept: text/html"',
    "curl x -H 'a b: c'": 'found "a b", must be the name of a header',
    "curl x -H $'a: b\\nc: d'": 'found "b\\nc: d", must be the value of a header, without line breaks',
    "curl 'x/a b'": 'found "/a b", must be a path without blanks and line breaks: write %20 for a blank',
    "curl x -X 'G T'": 'found "G T", must be a method such as GET',
    'curl x -X CONNECT': 'found CONNECT, which asks for no path: the gateway takes it nowhere',
    'curl ftp://x/': 'found "ftp://x/", must be a path, or a url with http:// or https://',
    "curl 'x/{a,b}'": 'found { in the URL, which stands for several URLs with curl: write \\{, or add --globoff',
    'curl x/a?b=c&d=e': 'found & outside of quotes, which a shell takes for something else: put what it is part of in quotes',
    'curl x > y': 'found > outside of quotes, which a shell takes for something else: put what it is part of in quotes',
    "curl 'x": "found ', which is not closed",
    'curl "x': 'found ", which is not closed',
    "curl $'x": 'found $, which is not closed',
    'curl x\\': 'found \\, which is not closed',
    'curl ^"http://x/^"': 'found a line for the Windows command prompt, must be one for bash: browsers have "Copy as cURL (bash)"',
    'curl "http://x/" ^\r\n  -H "a: b"': 'found a line for the Windows command prompt, must be one for bash: browsers have "Copy as cURL (bash)"'
  })) {
    t.throws(() => read(line), new UnreadableRequest(message), line)
  }
  const long = 'x'.repeat(100)
  t.throws(() => read(`curl x --${long}`), { message: new RegExp(`^found the option "--${'x'.repeat(58)}…" of curl`) })
})

t.test('a prompt in front, a path alone, and odd escapes', async t => {
  t.match(read('$ curl /api/x'), { target: '/api/x', host: 'localhost' })
  t.equal(read("curl -d $'\\a\\q\\U0001F600\\U110000\\?' -- /a").body, bytesOf('\x07\\q😀?'))
  t.match(new Map(read('curl -u me x').fields), new Map([['Authorization', `Basic ${btoa('me:')}`]]), 'a password is not asked for')
  t.match(read('curl --basic --no-buffer ws://x?a=b'), { target: '/?a=b', host: 'x', method: 'GET' })
})
