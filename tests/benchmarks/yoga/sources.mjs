// Calls of the sources, over connections that stay open.

import { Pool } from 'undici';

const CONNECTIONS = 128;
const PAGE = 'query ($query: QueryInput) { getContacts(moduleName: "Contacts", query: $query) { _id module properties } }';

const samespace = source(process.env.FILTERED_URL, { 'x-api-key': 'benchmark' });
const packagex = source(process.env.PACKAGEX_URL, { 'PX-API-KEY': 'benchmark' });
const smartSender = source(process.env.SMART_SENDER_URL, { authorization: 'Bearer benchmark' });

export async function samespaceContacts(query) {
  const body = JSON.stringify({ query: PAGE, variables: { query } });
  const answer = await samespace('POST', '/crm/api', body);
  if (answer.errors) throw new Error(answer.errors[0].message);
  return answer.data.getContacts;
}

export const packagexList = (type, limit, page) =>
  packagex('GET', `/contacts?page=${page}&limit=${limit}&type=${type}&order_by=created_at&direction=asc`).then(data);

export const packagexContact = (id) => packagex('GET', `/contacts/${encodeURIComponent(id)}`).then(data);

export const createPackagexContact = (contact) =>
  packagex('POST', '/contacts', JSON.stringify(contact)).then(data);

export const smartSenderContacts = (limit, page) =>
  smartSender('GET', `/contacts?page=${page}&limitation=${limit}`).then((answer) => answer?.collection ?? []);

export const smartSenderContact = (id) => smartSender('GET', `/contacts/${encodeURIComponent(id)}`);

export const smartSenderChat = (id) => smartSender('GET', `/contacts/${id}/chat`);

export const smartSenderGates = (id) =>
  smartSender('GET', `/contacts/${id}/gates?page=1&limitation=20`).then((answer) => answer?.collection ?? []);

function data(answer) {
  return answer && answer.data;
}

function source(url, key) {
  const { origin, pathname } = new URL(url);
  const base = pathname === '/' ? '' : pathname;
  const pool = new Pool(origin, { connections: CONNECTIONS });
  const plain = { accept: 'application/json', ...key };
  const withBody = { ...plain, 'content-type': 'application/json' };
  return async function call(method, path, body) {
    const headers = body === undefined ? plain : withBody;
    const answer = await pool.request({ method, path: base + path, headers, body });
    if (answer.statusCode === 404) {
      await answer.body.dump();
      return null;
    }
    if (answer.statusCode >= 400) {
      await answer.body.dump();
      throw new Error(`${origin} answered ${answer.statusCode}`);
    }
    return answer.body.json();
  };
}
