-- Changes one record, a token's or a document's, and atomically with it the index
-- entries; writes the audit event and publishes the change. All keys share a hash
-- tag, so that the script runs on every topology. It follows append.lua.
--
-- KEYS  1 record  2 index  3 events  4 receipt  5 uses  6 tree  7 activity of a token
-- ARGV  1 version that the stored record must have; or 0 if there must be none;
--         or "=" and the SHA-1 of the stored record, in hexadecimal, if it is damaged;
--         or "=type" if the key must be of another type than string
--       2 record to store, or empty to delete it
--       3 event  4 token's id or document's name  5 channel
--       6 lifetime of the receipt, in milliseconds
--       7 number of index entries to remove  8 number of the event's lists
--       9 and so on: the entries to remove, the lists, and the entries to add
--
-- Returns the event's id, or 0 if the stored record has another version.

-- The client sends a change again if the connection died before the reply. It then
-- waits until replicas have what this connection wrote, so write something.
local done = redis.call('GET', KEYS[4])
if done then
	redis.call('SET', KEYS[4], done, 'PX', ARGV[6])
	return done
end

local stored, version = redis.pcall('GET', KEYS[1]), '0'
if type(stored) == 'string' then
	local ok, record = pcall(cjson.decode, stored)
	if string.sub(ARGV[1], 1, 1) == '=' then
		version = '=' .. redis.sha1hex(stored)
	elseif ok and type(record) == 'table' and type(record.version) == 'number' and record.version >= 1 then
		version = string.format('%.0f', record.version)
	else
		version = 'damaged'
	end
elseif type(stored) == 'table' then
	if not string.find(stored.err, 'WRONGTYPE') then
		return stored
	end
	version = '=type'
end
if version ~= ARGV[1] then
	return 0
end

-- Redis does not roll back a script that fails, so try everything that can fail
-- before writing anything. First permissions,
if redis.acl_check_cmd then
	local needed = {
		{ 'SET', KEYS[1], '' }, { 'DEL', KEYS[1] }, { 'SET', KEYS[4], '' },
		{ 'ZADD', KEYS[2], '0', '' }, { 'ZREM', KEYS[2], '' },
		{ 'HDEL', KEYS[5], '' }, { 'XADD', KEYS[3], '*', 'e', '' }, { 'PUBLISH', ARGV[5], '' },
		{ 'HGET', KEYS[6], '' }, { 'HSET', KEYS[6], '', '' },
	}
	for _, command in ipairs(needed) do
		if not redis.acl_check_cmd(unpack(command)) then
			return redis.error_reply('NOPERM the user may not ' .. command[1] .. ' ' .. command[2])
		end
	end
end
-- then the types of the keys,
redis.call('ZCARD', KEYS[2])
redis.call('XLEN', KEYS[3])
redis.call('HLEN', KEYS[5])
redis.call('HLEN', KEYS[6])
-- then memory: a script whose first write succeeds may write more.
redis.call('SET', KEYS[4], '', 'PX', ARGV[6])

if ARGV[2] == '' then
	redis.call('DEL', KEYS[1])
	redis.call('HDEL', KEYS[5], ARGV[4])
	if KEYS[7] then
		redis.call('DEL', KEYS[7])
	end
else
	redis.call('SET', KEYS[1], ARGV[2])
end

local removed = 8 + tonumber(ARGV[7])
local listed = removed + tonumber(ARGV[8])
for i = 9, removed do
	redis.call('ZREM', KEYS[2], ARGV[i])
end
for i = listed + 1, #ARGV do
	redis.call('ZADD', KEYS[2], 0, ARGV[i])
end

local id = append(KEYS[3], KEYS[2], KEYS[6], ARGV[3], removed + 1, listed)

redis.call('SET', KEYS[4], id, 'PX', ARGV[6])
redis.call('PUBLISH', ARGV[5], ARGV[4] .. ' ' .. id)
return id
