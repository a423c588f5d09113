-- Records the last uses of tokens. All keys share a hash tag.
--
-- KEYS  1 uses by token id  2… the tokens' records
-- ARGV  for each record, the token's id and its use, which begins with the minute

for i = 2, #KEYS do
	local id, use = ARGV[2 * i - 3], ARGV[2 * i - 2]
	-- Another node may have saved a later use; the token may have been deleted.
	local kept = tonumber(string.match(redis.call('HGET', KEYS[1], id) or '', '^%d+'))
	local later = not kept or kept <= tonumber(string.match(use, '^%d+'))
	if later and redis.call('EXISTS', KEYS[i]) == 1 then
		redis.call('HSET', KEYS[1], id, use)
	end
end
return 1
